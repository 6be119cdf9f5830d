import type { Cloud } from '@kraud/cloud';
import type { Call } from '../call.ts';
import type { Operation } from '../operation.ts';

async function ping({ swarms, hosts }: Cloud, call: Call): Promise<void> {
  const { res, caller } = call;
  const isMember = (await swarms.get(caller)) !== undefined;
  const role = isMember && (await hosts.self(caller)).spec.manager ? 'manager' : 'worker';
  res.writeHead(200, {
    'Builder-Version': '1',
    Swarm: isMember ? `active/${role}` : 'inactive',
    'Cache-Control': 'no-cache, no-store, must-revalidate',
    Pragma: 'no-cache',
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': 2,
  });
  res.end(call.req.method === 'HEAD' ? undefined : 'OK');
}

export const getPing: Operation = { method: 'GET', path: '/_ping', run: ping };
export const headPing: Operation = { method: 'HEAD', path: '/_ping', run: ping };
