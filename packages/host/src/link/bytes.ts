import { Duplex, Readable } from 'node:stream';
import { codeOf, KraudError } from '@kraud/base';
import type { Static, TSchema } from 'typebox';
import { type Channel, unexpected } from './channel.ts';

/** Data that comes in, as a stream. Destroying it gives the call up if that is all the call is about. */
export function dataIn(channel: Channel, options: { ownsCall: boolean }): Readable {
  return new Readable({
    read() {
      channel.receive().then(
        ({ kind, payload }) => {
          if (kind === 'data') this.push(payload);
          else if (kind === 'end') this.push(null);
          else this.destroy(unexpected(kind));
        },
        (error: Error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      if (options.ownsCall) {
        if (this.readableEnded) channel.done();
        else channel.cancel();
      }
      callback(error);
    },
  });
}

/** Everything that a stream has, and its end. The stream is destroyed when the call is over before. */
export async function dataOut(channel: Channel, source: Readable): Promise<void> {
  const onGone = (): void => void source.destroy();
  channel.signal.addEventListener('abort', onGone, { once: true });
  try {
    for await (const chunk of source) await channel.sendData(chunk);
    await channel.send('end');
  } finally {
    channel.signal.removeEventListener('abort', onGone);
    source.destroy();
  }
}

/**
 * Sends a stream and waits for the answer. When that comes first, the other host has seen enough, and the rest isn't
 * sent. A fault of the stream is `canceled` there.
 */
export async function upload<S extends TSchema>(
  channel: Channel,
  source: Readable,
  schema: S,
  onNote?: (note: unknown) => void,
): Promise<Static<S>> {
  const answer = channel.result(schema, onNote);
  answer.catch(() => {});
  try {
    await Promise.race([answer, dataOut(channel, source)]);
    const value = await answer;
    channel.done();
    return value;
  } catch (error) {
    channel.cancel();
    throw codeOf(error) === 'internal'
      ? new KraudError('canceled', 'the upload broke off', { cause: error })
      : error;
  } finally {
    source.destroy();
  }
}

/** A connection. `finish` ends one direction; destroying it breaks both. */
export function duplexOf(channel: Channel): Duplex {
  return new Duplex({
    allowHalfOpen: true,
    read() {
      channel.receive().then(
        ({ kind, payload }) => {
          if (kind === 'data') this.push(payload);
          else if (kind === 'end') this.push(null);
          else this.destroy(unexpected(kind));
        },
        (error: Error) => this.destroy(error),
      );
    },
    write(chunk: Buffer, _encoding, callback) {
      channel.sendData(chunk).then(() => callback(), callback);
    },
    final(callback) {
      channel
        .send('end')
        .then(() => channel.finish())
        .then(() => callback(), callback);
    },
    destroy(error, callback) {
      if (this.readableEnded && this.writableFinished) channel.done();
      else channel.cancel();
      callback(error);
    },
  });
}
