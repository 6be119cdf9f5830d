import { askKra } from '../../kra-client.ts';
import { type Output, pathOf } from './view.ts';

export async function removeHosts(
  names: readonly string[],
  options: Output & { force: boolean },
): Promise<void> {
  for (const name of names) {
    const query = options.force ? { query: { force: 'true' } } : {};
    await askKra(options.socket, { method: 'DELETE', path: pathOf(name), ...query });
    if (!options.json) console.log(`${name} is out of the cloud`);
  }
  if (options.json) console.log(JSON.stringify({ removed: names }));
}
