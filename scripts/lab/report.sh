#!/usr/bin/env bash
# Tells what a demo run did, from the files in its folder: middle-1.txt and middle-2.txt (two scrapes of /metrics, two
# seconds apart, while all calls were up), metrics.txt (after the last call), pbx.csv (SIPp), state/cdr.jsonl, ladder.txt.
set -euo pipefail

cd "${1:?the folder of the run}"

# The sum of the samples of a metric whose labels contain all given texts: total FILE NAME [LABEL..]
total() {
    local file=$1 name=$2
    shift 2
    awk -v name="$name" -v labels="$*" '
        BEGIN { wanted = split(labels, want, " ") }
        {
            series = $1
            if (series != name && index(series, name "{") != 1) next
            for (i = 1; i <= wanted; i++) if (!index(series, want[i])) next
            sum += $NF
        }
        END { printf "%d", sum }' "$file"
}

# Percentiles of a Prometheus histogram, in a unit: percentiles NAME SCALE UNIT
percentiles() {
    awk -v name="$1_bucket" -v scale="$2" -v unit="$3" '
        index($1, name "{") == 1 {
            match($1, /le="[^"]*"/)
            le = substr($1, RSTART + 4, RLENGTH - 5)
            if (!(le in count)) order[++n] = le
            count[le] += $NF
        }
        END {
            if (!n || !count["+Inf"]) { print "no samples"; exit }
            split("50 95 99 99.9", wanted, " ")
            for (w = 1; w <= 4; w++) {
                for (i = 1; i <= n; i++) if (count[order[i]] >= count["+Inf"] * wanted[w] / 100) break
                bound = order[i] == "+Inf" ? "above all buckets" : sprintf("<= %.3g %s", order[i] * scale, unit)
                printf "p%s %s  ", wanted[w], bound
            }
            print ""
        }' metrics.txt
}

column() {
    awk -F';' -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i } END { print $c }' pbx.csv
}

printf '\n== calls\n'
printf 'SIPp: %s successful, %s failed, %s retransmissions\n' \
    "$(column 'SuccessfulCall(C)')" "$(column 'FailedCall(C)')" "$(column 'Retransmissions(C)')"
printf 'records written: %s, of which answered: %s\n' \
    "$(wc -l <state/cdr.jsonl)" "$(jq --slurp 'map(select(.sip_status == 200)) | length' state/cdr.jsonl)"
printf 'setup time: %s\n' "$(percentiles trunkline_call_setup_seconds 1000 ms)"

printf '\n== packets\n'
for tier in kernel worker socket; do
    for direction in rx tx; do
        labels=("tier=\"$tier\"" "direction=\"$direction\"")
        all=$(total metrics.txt trunkline_packets_total "${labels[@]}")
        before=$(total middle-1.txt trunkline_packets_total "${labels[@]}")
        after=$(total middle-2.txt trunkline_packets_total "${labels[@]}")
        if [ "$all" -gt 0 ]; then
            printf '%-6s %s: %8d packets, %6d per second with all calls up\n' \
                "$tier" "$direction" "$all" $(((after - before) / 2))
        fi
    done
done
printf 'latency in the worker: %s\n' "$(percentiles trunkline_packet_latency_seconds 1000000 us)"

printf '\n== conservation\n'
received=$(total metrics.txt trunkline_packets_total 'direction="rx"')
sent=$(total metrics.txt trunkline_packets_total 'direction="tx"')
originated=$(total metrics.txt trunkline_packets_originated_total)
consumed=$(total metrics.txt trunkline_packets_consumed_total)
passed=$(total metrics.txt trunkline_packets_passed_total)
dropped=$(total metrics.txt trunkline_drops_total)
printf 'received %d + made %d = sent %d + consumed %d + left to the kernel %d + dropped %d: ' \
    "$received" "$originated" "$sent" "$consumed" "$passed" "$dropped"
rest=$((received + originated - sent - consumed - passed - dropped))
if [ "$rest" -ne 0 ]; then
    printf '%d are missing\n' "$rest"
    exit 1
fi
printf 'holds\n'
awk 'index($1, "trunkline_drops_total{") == 1 && $NF != 0 { print "dropped: " $0 }' metrics.txt
