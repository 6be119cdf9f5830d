import { Readable } from 'node:stream';
import { KraudError, messageOf } from '@kraud/base';
import type { Call } from '../call.ts';
import { HttpFault } from '../errors.ts';

/**
 * The archive that `fromSrc` names: `-` for the request's body, else a web address, which this host asks. That can
 * be a place that only the host may reach, so it is for whoever owns the local socket.
 */
export async function importSource(
  call: Call,
  source: string,
  progress: (message: Record<string, unknown>) => void,
): Promise<Readable> {
  if (source === '-') return call.archive();
  if (!call.caller.local)
    throw new KraudError('forbidden', 'importing from an address is for the owner of the local socket');
  const url = addressOf(source);
  const response = await ask(url, call.signal);
  if (!response.ok) {
    await response.body?.cancel();
    const status = response.status < 500 ? response.status : 500;
    throw new HttpFault(status, `failed to GET ${url} with status ${response.status} ${response.statusText}`);
  }
  progress({ status: `Downloading from ${url}` });
  return Readable.from(partsOf(response), { objectMode: false });
}

/** Without a scheme it is http, as with dockerd. */
function addressOf(source: string): URL {
  const text = /^https?:\/\//.test(source) ? source : `http://${source}`;
  if (!URL.canParse(text))
    throw new HttpFault(500, `invalid address to import from: ${source.slice(0, 200)}`);
  return new URL(text);
}

async function ask(url: URL, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { signal });
  } catch (error) {
    const reason = error instanceof Error && error.cause ? error.cause : error;
    throw new HttpFault(500, `failed to GET ${url}: ${messageOf(reason)}`);
  }
}

async function* partsOf(response: Response): AsyncGenerator<Uint8Array> {
  try {
    for await (const part of response.body ?? []) yield part;
  } catch (error) {
    throw new KraudError('unavailable', `the download broke off: ${messageOf(error)}`, { cause: error });
  }
}
