import { type Operation, refused } from '../operation.ts';
import { zeroTime } from '../times.ts';
import { digestsOf, imageConfigOf, tagsOf } from './show.ts';

export const inspectImage: Operation = {
  method: 'GET',
  path: '/images/:name+/json',
  params: {
    manifests: refused('flag', 'an image has one platform here'),
    platform: refused('text', 'an image has one platform here'),
  },
  async run({ images }, call) {
    const view = await images.get(call.caller, call.param('name'));
    const { facts, image } = view;
    const config = imageConfigOf(facts);
    call.json(200, {
      Id: facts.id,
      RepoTags: tagsOf(view),
      RepoDigests: digestsOf(view),
      Parent: facts.parentId,
      Comment: facts.comment,
      Created: facts.createdAt,
      ...(call.minor < 45 ? { Container: '', ContainerConfig: config } : {}),
      DockerVersion: '',
      Author: facts.author,
      Config: config,
      Architecture: facts.architecture,
      ...(facts.variant ? { Variant: facts.variant } : {}),
      Os: facts.os,
      Size: facts.sizeBytes,
      ...(call.minor < 44 ? { VirtualSize: facts.sizeBytes } : {}),
      GraphDriver: { Data: null, Name: 'kraud' },
      RootFS: { Type: 'layers', Layers: facts.diffIds },
      Metadata: { LastTagTime: image.status.lastTaggedAt ?? zeroTime },
    });
  },
};
