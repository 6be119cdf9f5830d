import type { Socket } from 'node:net';
import { KraudError } from '@kraud/base';
import { LineSplitter } from './lines.ts';

export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Commands that may wait for an answer, and bytes of one message: a VMM that a guest took over can't fill memory. */
const pendingMax = 256;
const messageBytesMax = 1024 * 1024;

interface Pending {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One QMP conversation. Commands may be sent without waiting and are answered in their order. Whatever the peer
 * says that isn't QMP ends the conversation. `closed` settles once, when the peer is gone, and never rejects.
 */
export class QmpClient {
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #onEvent: (event: QmpEvent) => void;
  readonly #greeted: Promise<unknown>;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #failure: KraudError | undefined;

  private constructor(socket: Socket, onEvent: (event: QmpEvent) => void) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    this.#greeted = new Promise((resolve, reject) => {
      this.#pending.set(0, { command: 'greeting', resolve, reject });
    });
    const lines = new LineSplitter(messageBytesMax);
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const line of lines.push(chunk)) this.#receive(line);
      } catch (error) {
        this.#fail(new KraudError('unavailable', 'the VMM does not speak QMP', { cause: error }));
      }
    });
    socket.on('error', (error) => {
      this.#fail(new KraudError('unavailable', 'lost the connection to the VMM', { cause: error }));
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.on('close', () => {
      this.#fail(new KraudError('unavailable', 'the VMM has ended'));
      resolve();
    });
  }

  /** Greets and negotiates over a connected socket. */
  static async open(socket: Socket, onEvent: (event: QmpEvent) => void): Promise<QmpClient> {
    const client = new QmpClient(socket, onEvent);
    try {
      await client.#greeted;
      await client.execute('qmp_capabilities');
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return client;
  }

  /** The command's answer. A refusal is `invalid` with the VMM's words. */
  execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      if (this.#pending.size >= pendingMax) {
        return reject(new KraudError('exhausted', `the VMM left ${pendingMax} commands unanswered`));
      }
      const id = this.#nextId++;
      this.#pending.set(id, { command, resolve, reject });
      const given = Object.keys(args).length > 0 ? { arguments: args } : {};
      this.#socket.write(`${JSON.stringify({ execute: command, ...given, id })}\n`);
    });
  }

  /** No command is answered any more. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(line: string): void {
    const message: unknown = JSON.parse(line);
    const fields = object(message);
    if (typeof fields.event === 'string') {
      this.#onEvent({ event: fields.event, data: object(fields.data) });
      return;
    }
    const id = 'QMP' in fields ? 0 : fields.id;
    const pending = typeof id === 'number' ? this.#pending.get(id) : undefined;
    if (!pending) throw new KraudError('corrupt', 'an answer to nothing');
    this.#pending.delete(Number(id));
    if ('error' in fields) {
      const words = String(object(fields.error).desc ?? 'refused');
      pending.reject(new KraudError('invalid', `${pending.command}: ${words}`));
    } else pending.resolve(fields.return);
  }

  #fail(error: KraudError): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#socket.destroy();
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }
}

/** The value's fields; what is no object has none. */
function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
