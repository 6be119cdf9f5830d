import { type Operation, refused, yes } from '../operation.ts';
import { decompress } from '../wire/decompress.ts';
import { ProgressStream } from '../wire/progress.ts';

export const loadImages: Operation = {
  method: 'POST',
  path: '/images/load',
  note: 'a tar, plain or compressed with gzip or zstd',
  params: { quiet: yes('flag'), platform: refused('text', 'what the archive has is loaded') },
  async run({ images }, call) {
    const { signal } = call;
    await new ProgressStream(call, { quiet: call.query.flag('quiet') }).run(async (progress) => {
      const tar = await decompress(call.archive());
      await images.load(call.caller, tar, { progress, signal });
    });
  },
};
