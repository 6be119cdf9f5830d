import { Type } from 'typebox';
import { operation } from '../operation.ts';

export const removeHost = operation({
  method: 'DELETE',
  path: '/hosts/:name',
  query: Type.Object(
    { force: Type.Optional(Type.Union([Type.Literal('true'), Type.Literal('false')])) },
    { additionalProperties: false },
  ),
  async run({ hosts }, { caller, params: { name = '' }, query: { force } }) {
    await hosts.remove(caller, name, { force: force === 'true' });
    return undefined;
  },
});
