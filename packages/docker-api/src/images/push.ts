import { joinName } from '../image-names.ts';
import { type Operation, refused, yes } from '../operation.ts';
import { ProgressStream } from '../wire/progress.ts';
import { registryAuth } from './auth.ts';

export const pushImage: Operation = {
  method: 'POST',
  path: '/images/:name+/push',
  params: { tag: yes('text'), platform: refused('text', 'an image has one platform here') },
  async run({ images }, call) {
    const { signal } = call;
    const auth = registryAuth(call);
    const reference = joinName(call.param('name'), call.query.text('tag'));
    await new ProgressStream(call).run((progress) =>
      images.push(call.caller, reference, { progress, signal, ...(auth ? { auth } : {}) }),
    );
  },
};
