import { operation } from '../operation.ts';
import { viewOf } from './view.ts';

export const getHost = operation({
  method: 'GET',
  path: '/hosts/:name',
  async run({ hosts }, { caller, params: { name = '' } }) {
    const host = await hosts.get(caller, name);
    return viewOf(host, { pods: await hosts.pods(caller, host.meta.name), self: await hosts.self(caller) });
  },
});
