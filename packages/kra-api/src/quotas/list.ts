import { operation } from '../operation.ts';

export const listQuotas = operation({
  method: 'GET',
  path: '/quotas',
  run: ({ quotas }, { caller }) => quotas.list(caller),
});
