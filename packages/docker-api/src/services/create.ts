import { registryAuth } from '../images/auth.ts';
import type { Operation } from '../operation.ts';
import { swarmId } from '../swarm/ids.ts';
import { swarmOf } from '../swarm/member.ts';
import type { ServiceBody } from './body.ts';
import { contextOf } from './context.ts';
import { serviceDraftOf } from './draft/draft.ts';
import { settleSources } from './host-sources.ts';
import { serviceRows } from './rows.ts';

export const createService: Operation = {
  method: 'POST',
  path: '/services/create',
  body: serviceRows,
  async run(cloud, call) {
    const { caller, signal } = call;
    const swarm = await swarmOf(cloud, call);
    const { body, unknown } = await call.body('refuse');
    const context = await contextOf(cloud, call, swarm);
    const given = body as ServiceBody;
    const named = given.Name ? given : { ...given, Name: await cloud.workloads.freeName(caller) };
    const { draft, hostSources, warnings: said } = serviceDraftOf(named, context);
    const auth = registryAuth(call);
    if (caller.local) await settleSources(hostSources, call.serving.hostPaths);
    const { workload, warnings } = await cloud.workloads.create(caller, draft, {
      ...(auth ? { auth } : {}),
      signal,
    });
    const ignored = unknown.map((path) => `${path} is not known and was ignored`);
    call.json(201, { ID: swarmId(workload), Warnings: [...said, ...warnings, ...ignored] });
  },
};
