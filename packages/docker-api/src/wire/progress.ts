import { codeOf } from '@kraud/base';
import type { Call } from '../call.ts';
import { failureOf } from '../errors.ts';

/**
 * Docker's stream of progress messages: one JSON object a line. The headers go with the first message, so a fault
 * before it gets its own status code; one after it is the stream's last message. A reader that is too slow misses
 * counters, never names or results.
 */
export class ProgressStream {
  readonly #call: Call;
  readonly #quiet: boolean;

  constructor(call: Call, options: { quiet: boolean } = { quiet: false }) {
    this.#call = call;
    this.#quiet = options.quiet;
  }

  readonly report = (message: Record<string, unknown>): void => {
    const counts = 'progressDetail' in message && Object.keys(message.progressDetail ?? {}).length > 0;
    if (counts && (this.#quiet || this.#call.res.writableLength > this.#call.serving.limits.progressBytesMax))
      return;
    this.#write(message);
  };

  /** Runs the work and ends the stream, with an error message if it failed after the first one. */
  async run(work: (report: (message: Record<string, unknown>) => void) => Promise<void>): Promise<void> {
    const { res } = this.#call;
    try {
      await work(this.report);
    } catch (error) {
      if (!res.headersSent) throw error;
      const { message } = failureOf(error);
      if (codeOf(error) === 'internal')
        this.#call.serving.logger.error({ error }, 'failed after the first message');
      this.#write({ errorDetail: { message }, error: message });
    }
    if (!res.headersSent) this.#call.open('application/json');
    res.end();
  }

  #write(message: Record<string, unknown>): void {
    const { res } = this.#call;
    if (res.destroyed || res.writableEnded) return;
    if (!res.headersSent) this.#call.open('application/json');
    res.write(`${JSON.stringify(message)}\r\n`);
  }
}
