-- News: what Meta decided about templates, numbers and accounts, told by webhook.

-- Takes over decisions, each once, in the order of their own time: what is older than what is known of
-- the same thing changes nothing, nor does the same again. Each that counts leaves an event; what
-- somebody has to know has a line at the backend's bell, too: an error when it stopped something.
--   p_news: the text of a JSON array of objects as `Decision` of wacampaign/core/webhook/decision.py has them: kind,
--     thing, about, waba_id, at (Unix seconds or null), title, text, severity, name, language, phone, word,
--     because, per_second, people, code, until (Unix seconds or null), said
-- Answers `taken`, `repeated`, `late`, and `holds`: how many were made.
create or replace function public.wacampaign_take_news(p_news text)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
declare
    -- One that says nothing of its time: the same within this is a repetition.
    c_same constant interval := '1 hour';
    -- What nobody needs any more: no hold hangs on it.
    c_kept constant interval := '90 days';
    v_one jsonb;
    v_known public.wacampaign_news;
    v_at timestamptz;
    v_print text;
    v_holds uuid[];
    v_lifted int;
    v_good bool;
    v_taken int := 0;
    v_repeated int := 0;
    v_late int := 0;
    v_made int := 0;
begin
    -- News are few: whoever takes some waits for whoever takes others, and nobody for each other.
    perform pg_advisory_xact_lock(hashtext('wacampaign_news'));
    for v_one in select n.value from jsonb_array_elements(p_news::jsonb) with ordinality as n
                 order by (n.value ->> 'at')::numeric nulls last, n.ordinality
    loop
        v_print := md5((v_one -> 'said')::text);
        v_at := least(clock_timestamp(),
                      coalesce(to_timestamp((v_one ->> 'at')::double precision), clock_timestamp()));
        insert into public.wacampaign_news (about, at, kind)
        values (v_one ->> 'about', '-infinity', v_one ->> 'kind')
        on conflict do nothing;
        select * into v_known from public.wacampaign_news where about = v_one ->> 'about';
        if v_at < v_known.at then
            v_late := v_late + 1;
            continue;
        elsif (case when v_one ->> 'at' is not null
                    then v_at = v_known.at and v_print = any (v_known.heard)
                    else v_one -> 'said' = v_known.said
                        and (v_one ->> 'kind' = 'note'
                             or v_known.taken_at > clock_timestamp() - c_same) end) then
            v_repeated := v_repeated + 1;
            continue;
        end if;
        v_taken := v_taken + 1;
        v_holds := case v_one ->> 'thing'
            when 'template' then public.wacampaign_template_told(v_one)
            when 'number' then public.wacampaign_number_told(v_one)
            else public.wacampaign_account_told(v_one, v_known.holds) end;
        v_lifted := cardinality(v_known.holds);
        v_made := v_made + cardinality(v_holds);
        update public.wacampaign_news
        set at = v_at, kind = v_one ->> 'kind', said = v_one -> 'said', taken_at = clock_timestamp(),
            heard = case when v_at = v_known.at then v_known.heard || v_print else array[v_print] end,
            holds = case when v_one ->> 'thing' = 'account' then v_holds else '{}' end
        where about = v_one ->> 'about';
        -- Nothing stood, so nothing was taken back.
        continue when v_one ->> 'kind' = 'account_free' and v_lifted = 0;
        insert into public.wacampaign_events (kind, actor, row_count, reason, detail)
        values ('told_by_meta', 'meta', null, concat_ws('. ', v_one ->> 'title', v_one ->> 'text'),
                jsonb_strip_nulls(v_one - '{title,text,about,severity}'::text[]));
        -- Good news count where the bell has rung before.
        v_good := v_one ->> 'kind' = 'account_free'
            or (v_one ->> 'kind' = 'template_status' and v_one ->> 'word' = 'APPROVED'
                and v_known.at > '-infinity');
        if v_good or v_one ->> 'severity' <> 'info' then
            perform public.wacampaign_bell(
                case when v_good then 'success'
                     when v_one ->> 'kind' = 'template_status' and v_holds = '{}' then 'warning'
                     else v_one ->> 'severity' end,
                v_one ->> 'title', v_one ->> 'text',
                case v_one ->> 'thing' when 'template' then '/templates'
                                       else '/whatsapp-numbers' end);
        end if;
    end loop;
    delete from public.wacampaign_news
    where taken_at < clock_timestamp() - c_kept and holds = '{}';
    return jsonb_build_object(
        'taken', v_taken, 'repeated', v_repeated, 'late', v_late, 'holds', v_made);
end
$$;

-- The numbers of an account, as Meta names it.
create or replace function public.wacampaign_numbers_of_account(p_waba_id text)
returns uuid[] language sql stable
set search_path = public, extensions, pg_temp as $$
    select coalesce(array_agg(w.id order by w.id), '{}')
    from public.whatsapp_numbers w
    where public.wacampaign_solid(w.waba_id) = p_waba_id
$$;

-- A template's status, quality or category is another one, at each number of its account. Campaigns that
-- were planned with another are held as after a sync, and go on when it is as planned again. The category
-- in the backend's table stays: changing it there quarantines the template, which is for a sync to do.
-- Returns the holds that were made. An unknown template, and a note, change nothing.
create or replace function public.wacampaign_template_told(p_one jsonb)
returns uuid[] language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_kind constant text := p_one ->> 'kind';
    v_word constant text := p_one ->> 'word';
    v_number uuid;
    v_users uuid[];
    v_before constant timestamptz := clock_timestamp();
begin
    if v_kind not in ('template_status', 'template_quality', 'template_category') then
        return '{}';
    end if;
    foreach v_number in array public.wacampaign_numbers_of_account(p_one ->> 'waba_id') loop
        v_users := public.wacampaign_template_users(v_number);
        -- Before anything is written: what was planned so far was planned with what stood here.
        perform public.wacampaign_plan_templates(v_users, 'meta');
        insert into public.wacampaign_translations as r
        select k.number, k.name, k.language,
               case v_kind when 'template_status' then v_word else k.status end,
               case v_kind when 'template_category' then v_word else k.category end,
               k.components, k.parameter_format, k.meta_template_id,
               case v_kind when 'template_quality' then v_word else k.quality_score end,
               case v_kind when 'template_status' then p_one ->> 'because'
                           else k.rejected_reason end,
               clock_timestamp(), k.is_active
        from public.wacampaign_known_templates(array[v_number], array[p_one ->> 'name']) as k
        where k.language = p_one ->> 'language'
        on conflict (whatsapp_number_id, name, language) do update
        set status = excluded.status, category = excluded.category,
            components = excluded.components, parameter_format = excluded.parameter_format,
            meta_template_id = excluded.meta_template_id, quality_score = excluded.quality_score,
            rejected_reason = excluded.rejected_reason, last_synced = excluded.last_synced,
            is_active = excluded.is_active;
        continue when not found;
        update public.templates t
        set status = case v_kind when 'template_status' then v_word else t.status end,
            rejected_reason = case v_kind when 'template_status' then p_one ->> 'because'
                              else t.rejected_reason end,
            quality_score = case v_kind when 'template_quality' then v_word
                            else t.quality_score end
        where t.whatsapp_number_id = v_number and t.name = p_one ->> 'name'
          and t.language = p_one ->> 'language' and v_kind <> 'template_category';
        perform public.wacampaign_hold_changed(v_users);
        perform public.wacampaign_lift_unchanged(v_number, 'meta');
    end loop;
    return (
        select coalesce(array_agg(h.id), '{}') from public.wacampaign_holds h
        where h.created_at >= v_before and h.lifted_at is null and h.scope = 'changed'
          and h.template_name = p_one ->> 'name');
end
$$;

-- A number's quality or throughput. It is told by its digits; of an account with one number it is that
-- one. Returns no hold.
create or replace function public.wacampaign_number_told(p_one jsonb)
returns uuid[] language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_of_account constant uuid[] := public.wacampaign_numbers_of_account(p_one ->> 'waba_id');
    v_numbers uuid[] := array(
        select w.id from public.whatsapp_numbers w
        where w.id = any (v_of_account)
          and public.wacampaign_digits(w.number) = p_one ->> 'phone'
        order by w.id);
    v_number uuid;
begin
    if v_numbers = '{}' and cardinality(v_of_account) = 1 then
        v_numbers := v_of_account;
    end if;
    if p_one ->> 'kind' = 'number_quality' then
        -- Not `last_updated`: that says that a person brought it up to date.
        update public.whatsapp_numbers set quality_rating = p_one ->> 'word'
        where id = any (v_numbers);
    elsif p_one ->> 'kind' = 'throughput' then
        foreach v_number in array v_numbers loop
            perform public.wacampaign_limit_told(
                v_number, null, null, (p_one ->> 'per_second')::int, null, null);
        end loop;
    end if;
    return '{}';
end
$$;

-- An account is stopped, or free again, or its portfolio's limit is another one.
--   p_standing: holds that the decision before made: lifted, whatever this one is
-- Returns the holds that were made.
create or replace function public.wacampaign_account_told(p_one jsonb, p_standing uuid[])
returns uuid[] language plpgsql
set search_path = public, extensions, pg_temp as $$
declare
    v_numbers constant uuid[] := public.wacampaign_numbers_of_account(p_one ->> 'waba_id');
    v_until constant timestamptz := to_timestamp((p_one ->> 'until')::double precision);
    v_before constant timestamptz := clock_timestamp();
begin
    if p_one ->> 'kind' = 'messaging_limit' then
        perform public.wacampaign_set_messaging_limit(
            v_numbers, (p_one ->> 'people')::int, p_one ->> 'word');
        return '{}';
    elsif p_one ->> 'kind' not in ('account_hold', 'account_free') then
        return '{}';
    end if;
    update public.wacampaign_holds set lifted_at = clock_timestamp()
    where id = any (p_standing) and lifted_at is null;
    if p_one ->> 'kind' = 'account_free' and p_standing <> '{}' then
        insert into public.wacampaign_events (campaign_id, kind, actor, reason)
        select k.id, 'hold_lifted', 'meta', p_one ->> 'text'
        from public.campaigns k
        where k.status in ('running', 'paused')
          and exists (select 1 from public.wacampaign_counts c
                      where c.campaign_id = k.id and c.n > 0 and c.status = 'ready'
                        and c.whatsapp_number_id = any (v_numbers))
        order by k.id;
        perform pg_notify('wacampaign', k.id::text)
        from public.campaigns k where k.status = 'running';
    end if;
    -- One that is over already, as it came late, holds nothing.
    if p_one ->> 'kind' = 'account_free' or v_numbers = '{}' or v_until <= clock_timestamp() then
        return '{}';
    end if;
    perform public.wacampaign_hold(
        'account', null, v_numbers[1], null, (p_one ->> 'code')::int, p_one ->> 'text',
        -- No more than the type takes: 68 years are for ever. Null stays null, which `least` skips.
        case when v_until is not null then
            least(ceil(extract(epoch from v_until - clock_timestamp())), 2147483647)::int end,
        null);
    return (
        select coalesce(array_agg(h.id), '{}') from public.wacampaign_holds h
        where h.created_at >= v_before and h.lifted_at is null and h.scope = 'account'
          and h.whatsapp_number_id = any (v_numbers));
end
$$;
