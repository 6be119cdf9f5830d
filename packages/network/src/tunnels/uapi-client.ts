import { connect, type Socket } from 'node:net';
import { KraudError } from '@kraud/base';

/**
 * A connection to the socket of a WireGuard in user space, kept open: its end is the end of the program. Requests are
 * answered one after the other.
 */
export class UapiClient {
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #waiting: ((answer: string | undefined) => void)[] = [];
  #said = '';

  private constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => {});
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#hear(text));
    socket.once('close', () => {
      for (const answer of this.#waiting.splice(0)) answer(undefined);
    });
  }

  /** Undefined when nobody listens there. */
  static open(path: string, timeoutMs: number): Promise<UapiClient | undefined> {
    return new Promise((resolve) => {
      const socket = connect(path);
      socket.once('connect', () => resolve(new UapiClient(socket, timeoutMs)));
      socket.once('error', () => resolve(undefined));
    });
  }

  /** `unavailable` when it ends, `timeout` when it is silent: then it is of no use any more. */
  async exchange(request: string): Promise<string> {
    const answer = new Promise<string | undefined>((resolve) => this.#waiting.push(resolve));
    this.#socket.write(request);
    const timer = setTimeout(() => this.#socket.destroy(), this.#timeoutMs);
    try {
      const text = await answer;
      if (text === undefined)
        throw new KraudError('unavailable', 'wireguard-go has ended, or does not answer');
      return text;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The program goes on. */
  close(): void {
    this.#socket.destroy();
  }

  #hear(text: string): void {
    this.#said += text;
    for (let at = endOf(this.#said); at >= 0; at = endOf(this.#said)) {
      const answer = this.#said.slice(0, at);
      this.#said = this.#said.slice(at);
      this.#waiting.shift()?.(answer);
    }
  }
}

/** Where the first whole answer ends. */
function endOf(text: string): number {
  const at = text.indexOf('\n\n');
  return at < 0 ? -1 : at + 2;
}
