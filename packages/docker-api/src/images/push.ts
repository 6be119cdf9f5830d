import { joinName } from '../image-names.ts';
import { type Operation, yes } from '../operation.ts';
import { ProgressStream } from '../wire/progress.ts';
import { registryAuth } from './auth.ts';
import { checkPlatform, ownPlatform } from './platform.ts';

export const pushImage: Operation = {
  method: 'POST',
  path: '/images/:name+/push',
  params: { tag: yes('text', 'absent or empty: all tags of the repository'), platform: ownPlatform },
  async run({ images }, call) {
    const { signal } = call;
    const auth = registryAuth(call);
    const reference = joinName(call.param('name'), call.query.text('tag'));
    if (call.query.text('platform') !== '')
      checkPlatform(call, reference, await images.get(call.caller, reference));
    await new ProgressStream(call).run((progress) =>
      images.push(call.caller, reference, { progress, signal, ...(auth ? { auth } : {}) }),
    );
  },
};
