import { KraudError } from '@kraud/base';
import { type Operation, refused, yes } from '../operation.ts';
import { swarmOf } from './member.ts';
import { outOfSequence } from './sequence.ts';
import { joinToken } from './show.ts';
import { beginningOf, checkSpec, type SwarmSpecBody, swarmSpecRows, wishedRoot, wishOf } from './spec.ts';

export const updateSwarm: Operation = {
  method: 'POST',
  path: '/swarm/update',
  params: {
    version: yes('number'),
    rotateWorkerToken: yes('flag'),
    rotateManagerToken: yes('flag'),
    rotateManagerUnlockKey: refused('flag', 'managers are not locked: the store keeps its own keys'),
  },
  body: swarmSpecRows('', { begins: false }),
  async run(cloud, call) {
    const present = await swarmOf(cloud, call);
    const { query } = call;
    const version = query.number('version');
    if (version === undefined) throw new KraudError('invalid', 'invalid swarm version');
    const spec = (await call.body()).body as SwarmSpecBody;
    checkSpec(spec);
    const root = wishedRoot(spec, present);
    const given = root === 'new' ? undefined : root;
    const rotate = root && (await cloud.hosts.caRotation(call.caller, given));
    await outOfSequence(cloud.swarms.update(call.caller, wishOf(spec, beginningOf(present)), version));
    await rotate?.();
    for (const [role, flag] of [
      ['worker', 'rotateWorkerToken'],
      ['manager', 'rotateManagerToken'],
    ] as const) {
      if (query.flag(flag)) await joinToken(cloud, call.caller, { role, rotate: true });
    }
    call.empty(200);
  },
};
