import type { Operation } from '../operation.ts';
import { registryAuth } from './auth.ts';

/** What a name stands for at its registry. Clients ask before they create a service, and pin its image to the digest. */
export const inspectDistribution: Operation = {
  method: 'GET',
  path: '/distribution/:name+/json',
  note: 'the registry is asked; an image that came from none is described as it is here',
  async run({ images }, call) {
    const remote = await images.remote(call.caller, call.param('name'), registryAuth(call));
    call.json(200, {
      Descriptor: { mediaType: remote.mediaType, digest: remote.digest, size: remote.sizeBytes },
      Platforms: remote.platforms,
    });
  },
};
