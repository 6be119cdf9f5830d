import type { FileSources } from '@kraud/host';
import { ResourceClient, type TableParts, type Tables } from '@kraud/macro';

/** Secrets and configs as hosts read them. A cache that is behind the pod's own is no reason to fail its start. */
export function fileSources(tables: Tables, parts: TableParts): FileSources {
  const secrets = new ResourceClient('Secret', parts);
  const configs = new ResourceClient('Config', parts);
  return {
    bytes: async (source, key) => {
      const [table, client] = source === 'Secret' ? [tables.secrets, secrets] : [tables.configs, configs];
      const resource = table.get(key) ?? (await client.get(key));
      return resource && Buffer.from(resource.spec.data, 'base64');
    },
  };
}
