-- Failed rows, code by code.
--
-- A row's code is wacampaign_error_code(error_code, error_message): ours, or the one in the text
-- that the old backend wrote; 0 is none. A failed row with a message id was accepted first and
-- failed later (a webhook says so): it is shown, and never sent again.

-- Code by code in the order of the ids: a page, or a batch to try again, is read without sorting.
create index if not exists wacampaign_queue_failed
    on public.send_queue
    (campaign_id, public.wacampaign_error_code(error_code, error_message), id)
    where status = 'failed';
-- With the code, so that they are counted code by code without evaluating it row by row.
create index if not exists wacampaign_queue_failed_later
    on public.send_queue
    (campaign_id, public.wacampaign_error_code(error_code, error_message))
    where status = 'failed' and whatsapp_message_id is not null;
