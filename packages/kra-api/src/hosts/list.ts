import { operation } from '../operation.ts';
import { viewOf } from './view.ts';

export const listHosts = operation({
  method: 'GET',
  path: '/hosts',
  async run({ hosts }, { caller }) {
    const self = await hosts.self(caller);
    const views = (await hosts.list(caller)).map(async (host) =>
      viewOf(host, { pods: await hosts.pods(caller, host.meta.name), self }),
    );
    return await Promise.all(views);
  },
});
