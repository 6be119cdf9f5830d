import { KraudError } from '@kraud/base';
import { previousOf } from '@kraud/cloud';
import { HttpFault } from '../errors.ts';
import { registryAuth } from '../images/auth.ts';
import { type Operation, yes } from '../operation.ts';
import { swarmId } from '../swarm/ids.ts';
import { swarmOf } from '../swarm/member.ts';
import { outOfSequence } from '../swarm/sequence.ts';
import type { ServiceBody } from './body.ts';
import { contextOf } from './context.ts';
import { serviceDraftOf } from './draft/draft.ts';
import { findService } from './find.ts';
import { settleSources } from './host-sources.ts';
import { serviceRows } from './rows.ts';

export const updateService: Operation = {
  method: 'POST',
  path: '/services/:id/update',
  params: {
    version: yes('number'),
    registryAuthFrom: yes(
      'text',
      'accepted: credentials are used for the pull of this request and never kept',
    ),
    rollback: yes('text', '`previous`: to what was wanted before the last change, once'),
  },
  body: serviceRows,
  async run(cloud, call) {
    const { caller, query, signal } = call;
    const swarm = await swarmOf(cloud, call);
    const version = query.number('version');
    if (version === undefined) throw new KraudError('invalid', 'invalid service version');
    const rollback = query.text('rollback');
    if (rollback !== '' && rollback !== 'previous' && rollback !== 'none') {
      throw new KraudError('invalid', `unrecognized rollback option ${rollback}`);
    }
    const { body, unknown } = await call.body();
    const present = await findService(cloud, call, call.param('id'));
    const { uid } = present.meta;
    if (rollback === 'previous') {
      if (!previousOf(present)) {
        throw new HttpFault(400, `service ${swarmId(present)} does not have a previous spec`);
      }
      await outOfSequence(cloud.workloads.rollback(caller, uid, version));
      call.json(200, { Warnings: null });
      return;
    }
    const context = await contextOf(cloud, call, swarm);
    const { draft, hostSources, warnings: said } = serviceDraftOf(body as ServiceBody, context);
    const auth = registryAuth(call);
    if (caller.local) await settleSources(hostSources, call.serving.hostPaths);
    const wish = { ...(auth ? { auth } : {}), signal };
    const { warnings } = await outOfSequence(cloud.workloads.update(caller, uid, draft, version, wish));
    const ignored = unknown.map((path) => `${path} is not known and was ignored`);
    call.json(200, { Warnings: [...said, ...warnings, ...ignored] });
  },
};
