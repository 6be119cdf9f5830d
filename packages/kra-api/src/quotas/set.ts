import { Type } from 'typebox';
import { operation } from '../operation.ts';

const Quota = Type.Object(
  {
    cpus: Type.Optional(Type.Number({ minimum: 0 })),
    memoryBytes: Type.Optional(Type.Integer({ minimum: 0 })),
    pods: Type.Optional(Type.Integer({ minimum: 0 })),
  },
  { additionalProperties: false },
);

export const setQuota = operation({
  method: 'PUT',
  path: '/quotas/:tenant/:band',
  body: Quota,
  run: ({ quotas }, { caller, params: { tenant = '', band = '' }, body }) =>
    quotas.set(caller, tenant, band, body),
});
