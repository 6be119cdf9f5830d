import { KraudError } from '@kraud/base';
import type { Host, HostChange } from '@kraud/cloud';
import { row } from '../body/rows.ts';
import { HttpFault } from '../errors.ts';
import { type Operation, yes } from '../operation.ts';
import { swarmOf } from '../swarm/member.ts';
import { outOfSequence } from '../swarm/sequence.ts';
import { availabilityOf, shownAvailability } from './availability.ts';
import { findNode } from './find.ts';
import { recordNode } from './record.ts';
import { versionOf } from './show.ts';

interface NodeBody {
  Labels?: Record<string, string>;
  Role?: string;
  Availability?: string;
}

export const updateNode: Operation = {
  method: 'POST',
  path: '/nodes/:id/update',
  params: { version: yes('number') },
  body: [
    row('refused', 'Name', 'string', 'x', { note: 'a node has its host’s name' }),
    row('yes', 'Labels', 'labels', { zone: 'a' }),
    row('partly', 'Role', 'string', 'worker', {
      note: 'a fact for constraints: every host answers every call, whatever its role',
    }),
    row('yes', 'Availability', 'string', 'drain'),
  ],
  async run(cloud, call) {
    await swarmOf(cloud, call);
    const version = call.query.number('version');
    if (version === undefined) throw new KraudError('invalid', 'invalid node version');
    const body = (await call.body()).body as NodeBody;
    const host = await findNode(cloud, call, call.param('id'));
    const change = changeOf(host, body, await cloud.hosts.list(call.caller));
    const changed = await outOfSequence(
      versionOf(host) === version
        ? cloud.hosts.update(call.caller, host.meta.name, change)
        : Promise.reject(new KraudError('conflict', 'update out of sequence')),
    );
    await recordNode(cloud, call, 'update', host, {
      ...changeOfOne('availability', shownAvailability(host), shownAvailability(changed)),
      ...changeOfOne('role', roleOf(host), roleOf(changed)),
    });
    call.empty(200);
  },
};

const roleOf = ({ spec }: Host): string => (spec.manager ? 'manager' : 'worker');

const changeOfOne = (name: string, was: string, is: string): Record<string, string> =>
  was === is ? {} : { [`${name}.old`]: was, [`${name}.new`]: is };

function changeOf(host: Host, body: NodeBody, all: readonly Host[]): HostChange {
  if (body.Role !== undefined && body.Role !== 'manager' && body.Role !== 'worker') {
    throw new KraudError('invalid', `invalid Role: "${body.Role}"`);
  }
  const demoted = host.spec.manager && body.Role === 'worker';
  if (demoted && all.filter(({ spec }) => spec.manager).length === 1) {
    throw new HttpFault(
      400,
      'rpc error: code = FailedPrecondition desc = attempting to demote the last manager of the swarm',
    );
  }
  const gone = Object.keys(host.meta.labels).filter((name) => !Object.hasOwn(body.Labels ?? {}, name));
  return {
    labels: { ...Object.fromEntries(gone.map((name) => [name, undefined])), ...body.Labels },
    ...(body.Role === undefined ? {} : { manager: body.Role === 'manager' }),
    ...(body.Availability === undefined ? {} : availabilityOf(body.Availability)),
  };
}
