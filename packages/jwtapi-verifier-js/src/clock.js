// Measures how long ago something was. An age is the longer of what two clocks state, because each has a fault: the wall
// clock can be set back, and the monotonic clock stands still while the machine sleeps.

/** @typedef {{ wall: number, monotonic: number }} Moment */

export class Clock {
  #now;

  /** @param {() => number} now the wall clock, in seconds since 1970 */
  constructor(now) {
    this.#now = now;
  }

  /** The wall clock, in seconds since 1970. */
  now() {
    return this.#now();
  }

  /** @returns {Moment} */
  moment() {
    return { wall: this.#now(), monotonic: performance.now() / 1000 };
  }

  /**
   * The seconds since a moment.
   * @param {Moment} moment
   */
  since(moment) {
    return Math.max(this.#now() - moment.wall, performance.now() / 1000 - moment.monotonic);
  }
}
