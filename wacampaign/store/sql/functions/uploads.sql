-- An upload of this content on this number that is younger than 28 days: Meta keeps it for 30.
create or replace function public.wacampaign_remembered_upload(p_number_id uuid, p_sha256 text)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select jsonb_build_object('media_id', (
        select m.media_id from public.media_library m
        where m.whatsapp_number_id = p_number_id and m.sha256 = p_sha256
          and m.created_at > clock_timestamp() - interval '28 days'
        order by m.created_at desc
        limit 1))
$$;

-- Enters an upload among the media of its number, once.
--   p_sha256: of the content, hex; p_file_size: bytes
create or replace function public.wacampaign_remember_upload(
    p_number_id uuid, p_media_id text, p_sha256 text, p_file_name text, p_file_type text,
    p_mime_type text, p_file_size bigint)
returns jsonb language plpgsql
set search_path = public, extensions, pg_temp set jit = off as $$
begin
    insert into public.media_library
        (whatsapp_number_id, media_id, sha256, file_name, file_type, mime_type, file_size,
         created_at)
    select p_number_id, p_media_id, p_sha256, p_file_name, p_file_type, p_mime_type, p_file_size,
           clock_timestamp()
    where not exists (select 1 from public.media_library
                      where whatsapp_number_id = p_number_id and media_id = p_media_id);
    return jsonb_build_object('remembered', found);
end
$$;

-- When wacampaign uploaded this medium on this number; null: it did not.
create or replace function public.wacampaign_uploaded_at(p_number_id uuid, p_media_id text)
returns jsonb language sql stable
set search_path = public, extensions, pg_temp set jit = off as $$
    select jsonb_build_object('at', (
        select max(m.created_at) from public.media_library m
        where m.whatsapp_number_id = p_number_id and m.media_id = p_media_id))
$$;
