import type { Call } from '../call.ts';
import type { Operation } from '../operation.ts';

function ping(call: Call): Promise<void> {
  const { res } = call;
  res.writeHead(200, {
    'Builder-Version': '1',
    Swarm: 'inactive',
    'Cache-Control': 'no-cache, no-store, must-revalidate',
    Pragma: 'no-cache',
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': 2,
  });
  res.end(call.req.method === 'HEAD' ? undefined : 'OK');
  return Promise.resolve();
}

export const getPing: Operation = { method: 'GET', path: '/_ping', run: (_cloud, call) => ping(call) };
export const headPing: Operation = { method: 'HEAD', path: '/_ping', run: (_cloud, call) => ping(call) };
