import { row } from '../body/rows.ts';
import type { Operation } from '../operation.ts';
import type { HostBody } from './draft/body.ts';
import { restartOf } from './draft/draft.ts';
import { cpusOf, resourcesOf } from './draft/resources.ts';
import { resourceRows } from './draft/rows-resources.ts';

export const updateContainer: Operation = {
  method: 'POST',
  path: '/containers/:id/update',
  body: [
    ...resourceRows(''),
    row('refused', 'Devices', 'any', [{ PathOnHost: '/dev/fuse' }], { note: 'they are given at the start' }),
    row('yes', 'RestartPolicy.Name', 'string', 'always'),
    row('yes', 'RestartPolicy.MaximumRetryCount', 'int', 3),
  ],
  async run({ pods }, call) {
    const { body: checked, unknown, warnings: discarded } = await call.body('refuse');
    const body = checked as Pick<HostBody, 'RestartPolicy'> & HostBody;
    const resources = {
      ...resourcesOf(body),
      // Zero and below take the limit away.
      ...(body.PidsLimit !== undefined && body.PidsLimit <= 0 ? { pidsMax: 0 } : {}),
    };
    const cpus = cpusOf(body);
    const { warnings } = await pods.update(call.caller, call.param('id'), {
      ...(Object.keys(resources).length > 0 ? { resources } : {}),
      ...(cpus ? { cpus } : {}),
      ...(body.RestartPolicy?.Name ? { restart: restartOf(body.RestartPolicy) } : {}),
    });
    const ignored = unknown.map((path) => `${path} is not known and was ignored`);
    call.json(200, { Warnings: [...discarded, ...warnings, ...ignored] });
  },
};
