import { type ErrorCode, KraudError } from '@kraud/base';
import type { HttpResponse } from './http.ts';

const answerBytesMax = 64 * 1024;

/** The answers that the same request may get differently later. */
export function isTransient(status: number): boolean {
  return (
    status === 408 || status === 429 || status === 500 || status === 502 || status === 503 || status === 504
  );
}

/** A registry's error answer in our vocabulary, with its own words: `manifest unknown: manifest unknown`. */
export async function refusal(response: HttpResponse, doing: string): Promise<KraudError> {
  const said = words(await response.bytes(answerBytesMax).catch(() => Buffer.alloc(0)));
  const text = said === '' ? (plain[response.status] ?? `the registry answered ${response.status}`) : said;
  return new KraudError(codes[response.status] ?? fallback(response.status), `${doing}: ${text}`);
}

/** For answers without words, such as those to HEAD. */
const plain: Record<number, string> = {
  401: 'unauthorized: authentication required',
  403: 'denied: requested access to the resource is denied',
  404: 'not found',
  416: 'the registry has fewer bytes of it than its size says',
  429: 'toomanyrequests: too many requests',
};

const codes: Record<number, ErrorCode> = {
  400: 'invalid',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  405: 'unsupported',
  408: 'timeout',
  413: 'exhausted',
  415: 'unsupported',
  429: 'unavailable',
};

function fallback(status: number): ErrorCode {
  return status >= 500 ? 'unavailable' : 'invalid';
}

/** `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"…"}]}`; anything else is not repeated. */
function words(body: Buffer): string {
  try {
    const json: unknown = JSON.parse(body.toString());
    if (typeof json !== 'object' || json === null || !('errors' in json) || !Array.isArray(json.errors))
      return '';
    return json.errors
      .slice(0, 3)
      .map((error: { code?: unknown; message?: unknown }) => {
        const code = String(error.code ?? '')
          .toLowerCase()
          .replaceAll('_', ' ');
        const message = String(error.message ?? '');
        return [code, message].filter(Boolean).join(': ');
      })
      .join('\n')
      .slice(0, 1_000);
  } catch {
    return '';
  }
}
