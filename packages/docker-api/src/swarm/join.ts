import { KraudError } from '@kraud/base';
import { row } from '../body/rows.ts';
import type { Operation } from '../operation.ts';

interface JoinBody {
  JoinToken?: string;
  RemoteAddrs?: string[];
}

const note = 'a machine joins when its kraudd starts: the message says how';

export const joinSwarm: Operation = {
  method: 'POST',
  path: '/swarm/join',
  support: 'refused',
  note,
  body: [
    row('partly', 'ListenAddr', 'string', '0.0.0.0:2377', { kept: true }),
    row('partly', 'AdvertiseAddr', 'string', '10.0.0.1', { kept: true }),
    row('partly', 'DataPathAddr', 'string', '10.0.0.1', { kept: true }),
    row('partly', 'RemoteAddrs', 'strings', ['10.0.0.1:2377'], { kept: true }),
    row('partly', 'JoinToken', 'string', 'x', { kept: true }),
    row('partly', 'Availability', 'string', 'active', { kept: true }),
  ],
  async run(_cloud, call) {
    const { JoinToken: token, RemoteAddrs: addresses } = (await call.body()).body as JoinBody;
    throw new KraudError(
      'unsupported',
      `swarm join is not supported: on the machine that is to join, start kraudd --join ${token || 'TOKEN'}@${addresses?.[0] ?? 'ADDRESS:PORT'} --listen IP:PORT`,
    );
  },
};
