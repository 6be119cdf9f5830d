import { KraudError } from '@kraud/base';
import { type Operation, partly } from '../operation.ts';
import { zeroTime } from '../times.ts';
import { checkPlatform, ownPlatform } from './platform.ts';
import { digestsOf, imageConfigOf, tagsOf } from './show.ts';

export const inspectImage: Operation = {
  method: 'GET',
  path: '/images/:name+/json',
  params: {
    manifests: partly('flag', 'an image has one, which is not listed, as with dockerd’s own image store'),
    platform: ownPlatform,
  },
  async run({ images }, call) {
    const ref = call.param('name');
    const view = await images.get(call.caller, ref);
    if (call.query.flag('manifests') && call.query.text('platform') !== '') {
      throw new KraudError(
        'invalid',
        'conflicting options: manifests and platform options cannot both be set',
      );
    }
    checkPlatform(call, ref, view);
    const { facts, image } = view;
    const config = imageConfigOf(facts, call.minor);
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
