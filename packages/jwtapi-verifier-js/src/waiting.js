// A verifier alone does not keep a process alive, but a caller that waits for it does.

/**
 * Waits for a promise, and keeps the process alive meanwhile. The sockets and timers of a verifier do not.
 * @template T
 * @param {Promise<T>} promise
 */
export async function waitFor(promise) {
  const alive = setInterval(() => {}, 2 ** 30);
  try {
    return await promise;
  } finally {
    clearInterval(alive);
  }
}

/**
 * Waits until a time has passed, or until the signal aborts. Does not keep the process alive.
 * @param {number} seconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function pause(seconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1000).unref();
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
