import { networkInterfaces } from 'node:os';
import { codeOf, KraudError, messageOf } from '@kraud/base';
import { row } from '../body/rows.ts';
import { HttpFault } from '../errors.ts';
import { availabilityOf } from '../nodes/availability.ts';
import type { Operation } from '../operation.ts';
import { listenWish, remoteAddress } from './addresses.ts';
import { alreadyMember } from './member.ts';

interface JoinBody {
  ListenAddr?: string;
  AdvertiseAddr?: string;
  RemoteAddrs?: string[];
  JoinToken?: string;
  Availability?: string;
}

const reached = 'one address for both; an interface stands for its first address';

export const joinSwarm: Operation = {
  method: 'POST',
  path: '/swarm/join',
  support: 'partly',
  note: 'a host with containers, services, volumes, networks, secrets or configs of its own is refused; images come along',
  body: [
    row('partly', 'ListenAddr', 'string', '0.0.0.0:2377', { note: reached }),
    row('partly', 'AdvertiseAddr', 'string', '10.0.0.1', { note: reached }),
    row('refused', 'DataPathAddr', 'string', '10.0.0.1', {
      note: 'hosts reach each other at one address',
    }),
    row('yes', 'RemoteAddrs', 'strings', ['10.0.0.1:2377']),
    row('yes', 'JoinToken', 'string', 'x'),
    row('yes', 'Availability', 'string', 'active'),
  ],
  async run({ swarms, hosts }, call) {
    const body = (await call.body()).body as JoinBody;
    if (await swarms.get(call.caller)) {
      throw new HttpFault(503, alreadyMember);
    }
    if (!body.RemoteAddrs?.length) {
      throw new KraudError('invalid', 'at least 1 RemoteAddr is required to join');
    }
    const addresses = body.RemoteAddrs.map(remoteAddress);
    const listen = listenWish(body, interfaceAddress);
    const begins = availabilityOf(body.Availability || 'active');
    if (!body.JoinToken) {
      throw new KraudError('invalid', 'A valid join token is necessary to join this cluster');
    }
    const wish = { token: body.JoinToken, addresses, listen, begins };
    const commit = await inDockersWords(hosts.join(call.caller, wish));
    await call.alone(commit);
    call.empty(200);
  },
};

function interfaceAddress(name: string): string | undefined {
  return networkInterfaces()[name]?.[0]?.address;
}

/** Scripts look for these words, and tell a wrong token by 400. */
async function inDockersWords<T>(joining: Promise<T>): Promise<T> {
  try {
    return await joining;
  } catch (error) {
    const message = messageOf(error);
    if (codeOf(error) === 'unauthenticated') throw new HttpFault(400, message);
    if (codeOf(error) !== 'timeout') throw error;
    throw new HttpFault(503, `Timeout was reached before node joined: ${message}`);
  }
}
