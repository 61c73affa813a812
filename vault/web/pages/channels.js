// The choice of the channel. The audio graph is built at the first choice; until then the element plays directly.

// Long enough to avoid a click, short enough not to be noticed; in seconds.
const FADE = 0.01;

export class Channels {
  constructor(audio) {
    this.audio = audio;
    this.context = null;
    this.gains = [];
  }

  /** Plays one channel on both sides, or, with `null`, each channel on its own side. */
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

  /** Resumes the graph: browsers suspend it until the first user gesture, and phones after a call. */
  resume() {
    if (this.context && this.context.state !== "running") this.context.resume();
  }

  /** Connects both channels to both sides, with a gain for each connection. */
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
