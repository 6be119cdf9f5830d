import type { IncomingMessage } from 'node:http';
import { KraudError } from '@kraud/base';
import type { KraApiLimits } from './limits.ts';

/** The request's JSON; undefined if it has no body. */
export async function readBody(
  req: IncomingMessage,
  limits: KraApiLimits,
  signal: AbortSignal,
): Promise<unknown> {
  const late = setTimeout(
    () => req.destroy(new KraudError('timeout', `no whole body within ${limits.bodyTimeoutMs} ms`)),
    limits.bodyTimeoutMs,
  );
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limits.bodyBytesMax) {
        throw new KraudError('invalid', `the body is larger than ${limits.bodyBytesMax} bytes`);
      }
      chunks.push(chunk);
    }
    signal.throwIfAborted();
    return bytes === 0 ? undefined : parse(Buffer.concat(chunks).toString());
  } finally {
    clearTimeout(late);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new KraudError('invalid', 'the body is not JSON', { cause: error });
  }
}
