import { inFull } from '../image-names.ts';
import type { Operation } from '../operation.ts';

/**
 * What a name stands for. Clients ask before they create a service, and pin its image to the digest; the id serves as one
 * for an image that came from no registry.
 */
export const inspectDistribution: Operation = {
  method: 'GET',
  path: '/distribution/:name+/json',
  support: 'partly',
  note: 'of images that are here; no registry is asked',
  async run({ images }, call) {
    const name = call.param('name');
    const { image, facts } = await images.get(call.caller, name);
    const repository = inFull(name).replace(/(@.*|:[^/:]*)$/, '');
    const pulled = image.spec.digests.find((digest) => digest.startsWith(`${repository}@`));
    call.json(200, {
      Descriptor: {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest: pulled?.split('@')[1] ?? image.spec.id,
        size: facts.sizeBytes,
      },
      Platforms: [
        {
          architecture: facts.architecture,
          os: facts.os,
          ...(facts.variant === '' ? {} : { variant: facts.variant }),
        },
      ],
    });
  },
};
