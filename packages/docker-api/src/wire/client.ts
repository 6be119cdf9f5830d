import type { Readable } from 'node:stream';

/** The other end of a session: bytes both ways, however they are carried. */
export interface Client {
  /** What the client sends. Ends when the client will send no more. */
  readonly input: Readable;
  /** Aborts when the connection is closed. */
  readonly gone: AbortSignal;
  /** Waits while the client is slow. `canceled` when it is gone. */
  send(data: Uint8Array): Promise<void> | undefined;
  /** Says that nothing more comes. */
  end(): void;
}
