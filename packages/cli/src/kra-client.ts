import { request } from 'node:http';
import { type ErrorCode, KraudError } from '@kraud/base';

export interface KraRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `/kraud/v1`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

const timeoutMsDefault = 60_000;

/** Asks the daemon's own API; what the daemon refuses is thrown with the daemon's code and words. */
export async function askKra<T>(socketPath: string, ask: KraRequest): Promise<T> {
  const query = ask.query ? `?${new URLSearchParams(ask.query)}` : '';
  const body = ask.body === undefined ? undefined : JSON.stringify(ask.body);
  const timeoutMs = ask.timeoutMs ?? timeoutMsDefault;
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const call = request(
      {
        socketPath,
        method: ask.method,
        path: `/kraud/v1${ask.path}${query}`,
        timeout: timeoutMs,
        headers: body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) },
      },
      (response) => {
        response
          .toArray()
          .then(
            (chunks) => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
            reject,
          );
      },
    );
    call.on('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    call.on('error', (error) => {
      const how = `no daemon answers at ${socketPath} (${error.message}); start one with: kra up`;
      reject(new KraudError('unavailable', how, { cause: error }));
    });
    call.end(body);
  });
  if (status >= 400) throw faultOf(text);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

function faultOf(text: string): KraudError {
  try {
    const { code, message } = JSON.parse(text) as { code?: ErrorCode; message?: string };
    // An older daemon knows no such path, and answers as Docker does.
    return new KraudError(code ?? 'unsupported', message ?? text);
  } catch {
    return new KraudError('unavailable', `the daemon answered: ${text.slice(0, 200)}`);
  }
}
