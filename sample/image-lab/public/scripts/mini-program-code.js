import { lab } from './api.js';
import { translate } from './i18n.js';

/** The code with which a mini program makes the request that the workbench makes. */
export function miniProgramCode(request) {
  const data = JSON.stringify(request, undefined, 2).replaceAll('\n', '\n  ');
  return `// ${translate('request.init')}
const { data } = await wx.cloud.callContainer({
  config: { env: '${lab.env}' },
  path: '/api/operations',
  method: 'POST',
  header: {
    // ${translate('request.service')}
    'X-WX-SERVICE': 'image-lab',
    'content-type': 'application/json',
  },
  data: ${data},
})
// ${translate('request.result')}
console.log(data.fileId)
`;
}
