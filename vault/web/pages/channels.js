// Which channel is heard. The graph is made at the first choice: until then the element plays by itself.

// Long enough that a switch makes no click, short enough that nobody waits for it; in seconds.
const FADE = 0.01;

export class Channels {
  constructor(audio) {
    this.audio = audio;
    this.context = null;
    this.gains = [];
  }

  /** Lets one channel be heard on both sides, or each on its own side: `null`. */
  choose(channel) {
    if (channel === null && !this.context) return;
    if (!this.context) this.build();
    this.resume();
    const now = this.context.currentTime;
    for (const { from, to, gain } of this.gains) {
      const heard = channel === null ? from === to : from === channel;
      gain.gain.setTargetAtTime(heard ? 1 : 0, now, FADE);
    }
  }

  /** Wakes the graph: browsers put it to sleep until somebody presses something, and phones after a call. */
  resume() {
    if (this.context && this.context.state !== "running") this.context.resume();
  }

  /** Connects both channels with both sides, each by a gain of its own. */
  build() {
    this.context = new AudioContext();
    const source = this.context.createMediaElementSource(this.audio);
    const splitter = this.context.createChannelSplitter(2);
    const merger = this.context.createChannelMerger(2);
    source.connect(splitter);
    for (const from of [0, 1]) {
      for (const to of [0, 1]) {
        const gain = this.context.createGain();
        gain.gain.value = from === to ? 1 : 0;
        splitter.connect(gain, from);
        gain.connect(merger, 0, to);
        this.gains.push({ from, to, gain });
      }
    }
    merger.connect(this.context.destination);
  }
}
