-- Times at which our workers start a campaign (`start --at`). In a table of ours, and the campaign
-- stays `paused`: the backend's scheduler starts or fails whatever it sees as `scheduled`. Safe to
-- repeat.
create table if not exists public.wacampaign_schedule (
    campaign_id uuid primary key,
    start_at timestamptz not null,
    set_at timestamptz not null default clock_timestamp(),
    set_by text not null
);

do $$
begin
    if not (select relrowsecurity from pg_catalog.pg_class
            where oid = 'public.wacampaign_schedule'::regclass) then
        alter table public.wacampaign_schedule enable row level security;
    end if;
end
$$;

-- When the campaign starts by itself; null: it does not. `scheduled` is the backend's own, or of
-- an earlier version of ours.
create or replace function public.wacampaign_starts_at(p_campaign_id uuid)
returns timestamptz
language sql
stable
set search_path = public, extensions, pg_temp
as $$
    select case k.status
        when 'paused' then (select s.start_at from public.wacampaign_schedule s
                            where s.campaign_id = k.id)
        when 'scheduled' then k.scheduled_start_time
    end
    from public.campaigns k where k.id = p_campaign_id
$$;

-- Whoever starts, ends or cancels a campaign in the meantime has decided: the time is forgotten, and
-- does not start it again after it was paused.
create or replace function public.wacampaign_schedule_over()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    delete from public.wacampaign_schedule where campaign_id = new.id;
    return null;
end
$$;

do $$
begin
    if not exists (
        select 1 from pg_catalog.pg_trigger
        where tgrelid = 'public.campaigns'::regclass and tgname = 'wacampaign_schedule_over'
          and tgenabled in ('O', 'A')
    ) then
        drop trigger if exists wacampaign_schedule_over on public.campaigns;
        create trigger wacampaign_schedule_over after update of status on public.campaigns
            for each row when (new.status is distinct from 'paused')
            execute function public.wacampaign_schedule_over();
    end if;
end
$$;

select public.wacampaign_keep_rights();
