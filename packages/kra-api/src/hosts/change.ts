import type { HostChange } from '@kraud/cloud';
import { Type } from 'typebox';
import { operation } from '../operation.ts';
import { viewOf } from './view.ts';

const Change = Type.Object(
  {
    /** null takes the label away. */
    labels: Type.Optional(Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()]))),
    cordoned: Type.Optional(Type.Boolean()),
    drained: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

export const changeHost = operation({
  method: 'PATCH',
  path: '/hosts/:name',
  body: Change,
  async run({ hosts }, { caller, params: { name = '' }, body: { labels, ...rest } }) {
    const change: HostChange = { ...rest };
    if (labels) {
      change.labels = Object.fromEntries(
        Object.entries(labels).map(([key, value]) => [key, value ?? undefined]),
      );
    }
    const host = await hosts.update(caller, name, change);
    return viewOf(host, { pods: await hosts.pods(caller, host.meta.name), self: await hosts.self(caller) });
  },
});
