-- Deals p_total out evenly: what one cannot take (p_most) goes to the others, and a remainder to those
-- that come first, counted from p_first on (from 0).
create or replace function public.wacampaign_deal(p_most int[], p_total int, p_first bigint)
returns int[] language plpgsql immutable
set search_path = public, extensions, pg_temp as $$
declare
    v_n constant int := cardinality(p_most);
    v_given int[] := array_fill(0, array[v_n]);
    v_left int := p_total;
    v_open int;
    v_each int;
    v_give int;
    v_at int;
begin
    loop
        v_open := 0;
        for i in 1 .. v_n loop
            if v_given[i] < p_most[i] then
                v_open := v_open + 1;
            end if;
        end loop;
        exit when v_open = 0 or v_left <= 0;
        v_each := greatest(1, v_left / v_open);
        for i in 0 .. v_n - 1 loop
            exit when v_left <= 0;
            v_at := 1 + (p_first + i) % v_n;
            v_give := least(v_each, p_most[v_at] - v_given[v_at], v_left);
            if v_give > 0 then
                v_given[v_at] := v_given[v_at] + v_give;
                v_left := v_left - v_give;
            end if;
        end loop;
    end loop;
    return v_given;
end
$$;

-- How many rows each lane gives: p_total dealt out to the campaigns, and each campaign's share to its
-- lanes. Who comes first turns with p_turn, so that nobody waits for ever where there are more of
-- them than rows. One entry a lane, the lanes of a campaign side by side.
create or replace function public.wacampaign_shares(
    p_campaigns uuid[], p_most int[], p_total int, p_turn bigint)
returns int[] language plpgsql immutable
set search_path = public, extensions, pg_temp as $$
declare
    v_n constant int := cardinality(p_most);
    v_first int[] := '{}';
    v_sums int[] := '{}';
    v_c int := 0;
    v_given int[];
    v_shares int[] := '{}';
    v_last int;
begin
    for i in 1 .. v_n loop
        if i = 1 or p_campaigns[i] <> p_campaigns[i - 1] then
            v_c := v_c + 1;
            v_first[v_c] := i;
            v_sums[v_c] := 0;
        end if;
        v_sums[v_c] := least(v_sums[v_c] + p_most[i], p_total);
    end loop;
    v_given := public.wacampaign_deal(v_sums, p_total, p_turn % v_c);
    if v_c = v_n then
        return v_given;
    end if;
    for c in 1 .. v_c loop
        v_last := coalesce(v_first[c + 1] - 1, v_n);
        v_shares := v_shares || public.wacampaign_deal(
            p_most[v_first[c] : v_last], v_given[c], p_turn / v_c % (v_last - v_first[c] + 1));
    end loop;
    return v_shares;
end
$$;
