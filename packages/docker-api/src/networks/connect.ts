import { row } from '../body/rows.ts';
import type { EndpointBody } from '../containers/draft/body.ts';
import { placeOf, refOf } from '../containers/draft/network.ts';
import { endpointRows } from '../containers/draft/rows-network.ts';
import type { Operation } from '../operation.ts';

/** What can be asked for only when a pod is made. */
const refused = new Map([
  ['EndpointConfig.MacAddress', 'a pod has one interface, and its address stays'],
  ['EndpointConfig.DriverOpts', 'networks have no drivers'],
]);
const rows = endpointRows('EndpointConfig').map((item) => {
  const note = refused.get(item.path);
  return note === undefined ? item : row('refused', item.path, item.type, item.sample, { note });
});

export const connectNetwork: Operation = {
  method: 'POST',
  path: '/networks/:id/connect',
  body: [row('yes', 'Container', 'string', 'web'), ...rows],
  async run({ networks }, call) {
    const { body: checked } = await call.body('refuse');
    const body = checked as { Container?: string; EndpointConfig?: EndpointBody };
    const { ref, ...options } = placeOf(refOf(call.param('id')), body.EndpointConfig ?? {});
    await networks.connect(call.caller, ref, body.Container ?? '', options);
    call.empty(200);
  },
};
