#!/bin/sh
# Makes vault/audio/sample/call.wav: a short two-party call, the agent on channel 0, the customer on 1.
# Needs espeak-ng and sox. Not reproducible to the byte: sox adds line noise and dither.
# Usage: make_sample.sh OUTPUT.wav
set -eu
output=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# speak NAME VOICE PITCH SPEED TEXT: one turn, as narrow as a telephone line and without silence around it.
speak() {
    espeak-ng -v "$2" -p "$3" -s "$4" -w "$work/raw.wav" "$5"
    sox "$work/raw.wav" -r 8000 -b 16 "$work/$1.wav" \
        silence 1 0.02 0.3% reverse silence 1 0.02 0.3% reverse sinc 300-3400 norm -5
}

agent() { speak "$1" en-gb 42 160 "$2"; }
customer() { speak "$1" en-us+f3 55 168 "$2"; }

agent 1 "Hello, this is Spoke and Chain, the bicycle workshop. This call is recorded, so that we get your order right. If you would rather not be recorded, just say so."
customer 2 "No, that is fine. My bike makes a clicking noise when I pedal uphill."
agent 3 "That sounds like a worn chain. Can you bring it in tomorrow at ten?"
customer 4 "Ten is perfect. How long will it take?"
agent 5 "About an hour. We will check the brakes as well, free of charge."
customer 6 "Wonderful. See you tomorrow, then."
agent 7 "See you tomorrow. Goodbye!"
customer 8 "Bye!"

# Each turn is followed by a pause; while one party speaks, the other channel is silent.
for side in agent customer; do
    parts=""
    for turn in 1 2 3 4 5 6 7 8; do
        case "$side$turn" in agent[1357] | customer[2468]) volume=1 ;; *) volume=0 ;; esac
        sox -v "$volume" "$work/$turn.wav" "$work/$side$turn.wav" pad 0 0.45
        parts="$parts $work/$side$turn.wav"
    done
    # shellcheck disable=SC2086  # The list of turns is meant to split.
    sox $parts "$work/$side-dry.wav" pad 0.5 0.4
    # Light line noise, about -58 dB, its own on each side.
    sox "$work/$side-dry.wav" "$work/$side-noise.wav" synth pinknoise vol 0.004 sinc 300-3400
    sox -m -v 1 "$work/$side-dry.wav" -v 1 "$work/$side-noise.wav" "$work/$side.wav"
done
sox -M "$work/agent.wav" "$work/customer.wav" -e mu-law "$output"
