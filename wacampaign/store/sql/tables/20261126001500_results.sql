-- Reading a campaign whole, in pages: each row once, whatever becomes of it meanwhile.
create index if not exists wacampaign_queue_rows
    on public.send_queue (campaign_id, id);
-- Messages that were accepted and then failed, code by code (0: Meta gave none).
create index if not exists wacampaign_deliveries_undelivered
    on public.wacampaign_deliveries (campaign_id, coalesce(code, 0), wamid)
    where state = 'undelivered';
