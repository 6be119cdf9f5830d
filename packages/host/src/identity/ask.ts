import { type ClientHttp2Session, connect, type SecureClientSessionOptions } from 'node:http2';
import { KraudError, messageOf } from '@kraud/base';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** One request on a connection of its own, bounded in time and size. `unavailable` when nobody answers. */
export async function ask(
  address: string,
  tls: SecureClientSessionOptions,
  request: { method: 'GET' | 'POST'; path: string; body?: string },
  limits: { timeoutMs: number; bytesMax: number },
): Promise<Answer> {
  const session = connect(`https://${address}`, { minVersion: 'TLSv1.3', ...tls });
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const fail = (error: unknown): void => {
        const why = messageOf(error);
        reject(
          new KraudError('unavailable', `the host at ${address} does not answer: ${why}`, { cause: error }),
        );
      };
      session.once('error', fail);
      session.setTimeout(limits.timeoutMs, () => fail(new Error(`nothing within ${limits.timeoutMs} ms`)));
      exchange(session, request, limits.bytesMax).then(resolve, fail);
    });
  } finally {
    session.destroy();
  }
}

async function exchange(
  session: ClientHttp2Session,
  request: { method: string; path: string; body?: string },
  bytesMax: number,
): Promise<Answer> {
  const stream = session.request({ ':method': request.method, ':path': request.path });
  const status = new Promise<number>((resolve, reject) => {
    stream.once('response', (headers) => resolve(Number(headers[':status'])));
    stream.once('error', reject);
    stream.once('close', () => reject(new Error('it ended the request')));
  });
  status.catch(() => {});
  stream.end(request.body);
  return { status: await status, text: await readText(stream, bytesMax) };
}

/** All of it, as text; `invalid` when it is longer. */
export async function readText(stream: AsyncIterable<unknown>, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new KraudError('invalid', `more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
