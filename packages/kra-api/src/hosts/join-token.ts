import { Type } from 'typebox';
import { operation } from '../operation.ts';

export const makeJoinToken = operation({
  method: 'POST',
  path: '/join-tokens',
  body: Type.Object(
    {
      ttlMs: Type.Optional(Type.Integer({ minimum: 1 })),
      /** Every token given before ends. */
      rotate: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  ),
  run: ({ hosts }, { caller, body }) => hosts.joinToken(caller, body),
});
