-- Replies, and who gets no marketing any more.
--
-- A person is one key: wacampaign_person of the digits, else the business-scoped id (letters and a
-- dot, so never digits). `messages` is the backend's while it receives: nothing here writes into it.

-- One row an incoming message, whoever stored it first. `at`: when it was written, by Meta's clock.
create table if not exists public.wacampaign_inbound (
    wamid text primary key,
    n bigint generated always as identity,
    at timestamptz not null,
    taken_at timestamptz not null default clock_timestamp(),
    whatsapp_number_id uuid,
    phone text,
    user_id text,
    person text not null,
    name text,
    kind text not null,
    body text,
    payload text,
    context_id text,
    campaign_id uuid,
    -- By what the message itself names; else it was the last campaign message to the person.
    by_context bool not null default false,
    -- Its campaign's message may be written a moment later: looked for once more then.
    look_again_at timestamptz,
    source text not null,
    said jsonb
);
create unique index if not exists wacampaign_inbound_in_order on public.wacampaign_inbound (n);
create index if not exists wacampaign_inbound_people
    on public.wacampaign_inbound (person, whatsapp_number_id, at);
create index if not exists wacampaign_inbound_replies
    on public.wacampaign_inbound (campaign_id, person, at) where campaign_id is not null;
create index if not exists wacampaign_inbound_look_again
    on public.wacampaign_inbound (look_again_at) where look_again_at is not null;

-- The last incoming message of each person on each number (nobody's number: zeros).
create table if not exists public.wacampaign_conversations (
    whatsapp_number_id uuid not null,
    person text not null,
    wamid text not null,
    at timestamptz not null,
    name text,
    free_from timestamptz,
    primary key (whatsapp_number_id, person)
) with (fillfactor = 70);
create index if not exists wacampaign_conversations_newest
    on public.wacampaign_conversations (at desc, whatsapp_number_id, person);

-- Who replied to a campaign, with the last reply; and how many did.
create table if not exists public.wacampaign_replies (
    campaign_id uuid not null,
    person text not null,
    wamid text not null,
    at timestamptz not null,
    primary key (campaign_id, person)
) with (fillfactor = 70);
create index if not exists wacampaign_replies_newest
    on public.wacampaign_replies (campaign_id, at desc, person);
create table if not exists public.wacampaign_reply_counts (
    campaign_id uuid primary key,
    replied bigint not null
) with (fillfactor = 50);

-- Whose phone a business-scoped id is, as far as a message has told both.
create table if not exists public.wacampaign_identities (
    user_id text primary key,
    person text not null,
    phone text not null
);

-- Incoming messages that the backend stored and nobody has looked at yet.
create table if not exists public.wacampaign_logged_messages (
    message_id uuid primary key,
    logged_at timestamptz not null default clock_timestamp()
);

-- How far the messages have been read that were there before: newest first, down to here.
create table if not exists public.wacampaign_read_back (
    what text primary key,
    before_at timestamptz not null,
    before_id uuid not null,
    done_at timestamptz
);

-- Each word of a person, or about one, that says whether marketing is wanted. Only added to.
create table if not exists public.wacampaign_wishes (
    reference text primary key,
    person text not null,
    at timestamptz not null,
    wish text not null check (wish in ('stop', 'start', 'code')),
    cause text not null,
    evidence text,
    source text not null,
    phone text,
    user_id text,
    whatsapp_number_id uuid,
    campaign_id uuid
);
create index if not exists wacampaign_wishes_person on public.wacampaign_wishes (person, at);

-- What the wishes come to, one row a person. It stands while `ended_at` is null.
create table if not exists public.wacampaign_optouts (
    person text primary key,
    phone text,
    user_id text,
    since timestamptz not null,
    cause text not null,
    evidence text,
    whatsapp_number_id uuid,
    campaign_id uuid,
    ended_at timestamptz,
    end_cause text,
    changed_at timestamptz not null default clock_timestamp()
);
create index if not exists wacampaign_optouts_standing
    on public.wacampaign_optouts (since desc, person) where ended_at is null;

-- Who gets no marketing for a while, as Meta has asked.
create table if not exists public.wacampaign_rests (
    person text primary key,
    until timestamptz not null,
    since timestamptz not null,
    code int not null
) with (fillfactor = 70);
create index if not exists wacampaign_rests_until on public.wacampaign_rests (until);

-- Incoming messages by age, to read back; the campaign messages of a phone, to tell what a reply
-- answers.
create index if not exists wacampaign_messages_incoming_age
    on public.messages (created_at, id) where direction = 'incoming';
create index if not exists wacampaign_messages_of_campaigns
    on public.messages (user_phone, created_at) where direction = 'outgoing' and campaign_id is not null;
