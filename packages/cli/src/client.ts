import { request } from 'node:http';
import { KraudError } from '@kraud/base';

/** Asks the daemon at a unix socket. */
export async function getJson(socketPath: string, path: string): Promise<Record<string, unknown>> {
  return await new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout: 10_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        try {
          const body: unknown = JSON.parse(text);
          if (typeof body !== 'object' || body === null) throw new Error('not an object');
          if (response.statusCode !== 200) throw new Error('message' in body ? String(body.message) : text);
          resolve(body as Record<string, unknown>);
        } catch (error) {
          reject(
            new KraudError('unavailable', `the daemon at ${socketPath} answered: ${text.slice(0, 200)}`, {
              cause: error,
            }),
          );
        }
      });
    });
    call.on('timeout', () => call.destroy(new Error('no answer within 10 s')));
    call.on('error', (error) => {
      reject(
        new KraudError(
          'unavailable',
          `no daemon answers at ${socketPath} (${error.message}); start one with: kra up`,
          {
            cause: error,
          },
        ),
      );
    });
    call.end();
  });
}
