-- How many people a portfolio may write to in 24 hours, and how many it has written to.

-- What Meta says a number may send, and since when it is known: the rate is capped by it.
alter table public.wacampaign_number_settings
    add column if not exists throughput_mps int,
    add column if not exists throughput_at timestamptz;

-- One row a number of which something is known. The limit is the portfolio's: which numbers share one
-- is worked out by wacampaign_portfolios.
create table if not exists public.wacampaign_messaging_limits (
    number_id uuid primary key,
    -- Meta's word (TIER_2K, …), and the people that it means; null: no limit, or a word we do not know.
    tier text,
    people int,
    told_at timestamptz,
    -- Meta's business that owns the account, as far as the token may see it.
    business_id text,
    business_name text,
    -- A person's word, which beats Meta's: people (0: no limit), and what the portfolio is called.
    set_people int check (set_people >= 0),
    set_at timestamptz,
    portfolio text
);
-- Whether there is any limit at all: what a claim asks first.
create index if not exists wacampaign_messaging_limits_known
    on public.wacampaign_messaging_limits (number_id)
    where people is not null or set_people is not null;

-- One row a portfolio with a limit, locked by each claim that sends from its numbers. People were
-- counted at `counted_at` exactly; each row handed out since takes a place until they are counted anew.
create table if not exists public.wacampaign_budgets (
    portfolio text primary key,
    numbers uuid[] not null default '{}',
    most int,
    counted_at timestamptz,
    took interval,
    counted int not null default 0,
    frees_at timestamptz,
    handed int not null default 0
) with (fillfactor = 50);

-- Whom the numbers wrote to since when.
create index if not exists wacampaign_messages_templates
    on public.messages (whatsapp_number_id, created_at, user_phone)
    where direction = 'outgoing' and message_type = 'template';
-- Of those, what no campaign sent: templates from the backend's inbox, test messages. Few.
create index if not exists wacampaign_messages_single
    on public.messages (whatsapp_number_id, created_at)
    where direction = 'outgoing' and message_type = 'template' and campaign_id is null;
-- Rows that were sent without a message to show for it: in doubt, until a person decided.
create index if not exists wacampaign_queue_sent_without_id
    on public.send_queue (whatsapp_number_id, sent_at)
    where status = 'sent' and whatsapp_message_id is null;
