-- What is set for a number: the endpoint of its marketing templates.

-- Sets what is not null.
--   p_product_policy: empty takes it away
--   p_onboarding: Meta's word of the account, remembered with its time; no event by itself
-- Returns what it was and what it is; `changed` false: a person's settings are as they were.
-- PT404: there is no such number.
create or replace function public.wacampaign_number_set(
    p_number_id uuid, p_marketing_endpoint text, p_product_policy text, p_onboarding text,
    p_actor text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    v_was constant jsonb := public.wacampaign_marketing(p_number_id);
    v_is jsonb;
    v_changed bool;
begin
    perform 1 from public.whatsapp_numbers where id = p_number_id for update;
    if not found then
        raise sqlstate 'PT404' using message = 'no such number';
    end if;
    insert into public.wacampaign_number_settings as s
        (number_id, marketing_endpoint, product_policy, onboarding, onboarding_at, set_by)
    values (p_number_id, coalesce(p_marketing_endpoint, 'off'), nullif(p_product_policy, ''),
            p_onboarding, case when p_onboarding is not null then clock_timestamp() end, p_actor)
    on conflict (number_id) do update
    set marketing_endpoint = coalesce(p_marketing_endpoint, s.marketing_endpoint),
        product_policy = case when p_product_policy is null then s.product_policy
                         else nullif(p_product_policy, '') end,
        onboarding = coalesce(p_onboarding, s.onboarding),
        onboarding_at = case when p_onboarding is null then s.onboarding_at
                        else clock_timestamp() end,
        set_at = case when p_marketing_endpoint is null and p_product_policy is null then s.set_at
                 else clock_timestamp() end,
        set_by = case when p_marketing_endpoint is null and p_product_policy is null then s.set_by
                 else p_actor end;
    v_is := public.wacampaign_marketing(p_number_id);
    v_changed := v_was - 'onboarding' <> v_is - 'onboarding';
    if v_changed then
        insert into public.wacampaign_events (kind, actor, detail)
        values ('number_set', p_actor, jsonb_build_object(
            'number', p_number_id, 'was', v_was, 'is', v_is));
    end if;
    return jsonb_build_object('changed', v_changed, 'was', v_was, 'is', v_is);
end
$$;

-- Where a number's marketing templates go, as it is set.
create or replace function public.wacampaign_marketing(p_number_id uuid)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select jsonb_build_object(
        'mode', coalesce(s.marketing_endpoint, 'off'), 'product_policy', s.product_policy,
        'onboarding', s.onboarding)
    from (select) as nothing
    left join public.wacampaign_number_settings s on s.number_id = p_number_id
$$;
