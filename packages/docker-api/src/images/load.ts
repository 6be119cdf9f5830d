import { type Operation, yes } from '../operation.ts';
import { decompress } from '../wire/decompress.ts';
import { ProgressStream } from '../wire/progress.ts';
import { platformFrom } from './platform.ts';

export const loadImages: Operation = {
  method: 'POST',
  path: '/images/load',
  note: 'a tar, plain or compressed with gzip or zstd',
  params: {
    quiet: yes('flag'),
    platform: yes('text', 'JSON with `os` and `architecture`; an image of another one is refused'),
  },
  async run({ images }, call) {
    const { signal } = call;
    const wanted = platformFrom(call.query.text('platform'));
    const platform = wanted && [wanted.os, wanted.architecture, wanted.variant].filter(Boolean).join('/');
    await new ProgressStream(call, { quiet: call.query.flag('quiet') }).run(async (progress) => {
      const tar = await decompress(call.archive());
      await images.load(call.caller, tar, {
        progress,
        signal,
        ...(platform ? { platform } : {}),
      });
    });
  },
};
