/** Sentences that say what to use, each with the names that it is for. */
type Advice = Readonly<Record<string, string>>;

const WITHOUT_REPLACEMENT =
  'contentencoding contentdisposition cachecontrol metadata acl serversideencryption storageclass ssekmskeyid highwatermark filehwm streamhandler';

/** Options of multer, multer-s3, Nest's file pipes, and names that come to mind. */
const OF_UPLOADS: Advice = {
  "Use contentTypes, e.g. contentTypes: ['image/*'], which goes by the content; detectContentType names the type of text formats.":
    'filefilter filter accept accepts accepted contenttype mime mimetype mimetypes type types filetype filetypes allowedtypes allowedmimetypes allowedcontenttypes allowedmime extensions allowedextensions validators',
  'Use limits.fileSize, in bytes.':
    'limit maxsize maxfilesize filesize sizelimit filesizelimit maxbytes',
  'Use limits.files, or the maxCount of a field.': 'files maxfiles maxcount filecount',
  'Use a limit of the same name in limits.':
    'fieldsize textbytes fieldnamesize fields parts headerpairs fieldnestingdepth fieldarrayindexlimit',
  "Use path, e.g. path: 'photos/' for a folder.":
    'dest destination dir directory folder prefix keyprefix uploaddir cloudpath root',
  'Use path with a function, e.g. path: file => `photos/${file.uuid}.${file.extension}`.':
    'filename key name rename keygenerator pathfactory',
  'Leave it out: originalname never has folders.': 'preservepath',
  'Leave it out: names are read as UTF-8.': 'defparamcharset defcharset',
  'Use required, e.g. required: false.':
    'optional isrequired fileisrequired mandatory allowempty skipmissingfiles',
  'Use storage, with the name of an instance.': 'instance engine disk client s3 storagename',
  'Leave it out: the module has the option bucket.': 'bucket',
  'Leave it out: there is nothing in its place.': WITHOUT_REPLACEMENT,
  'Use WxCloudFilesInterceptor or WxCloudFileFieldsInterceptor for several files.':
    'multiple many array multi',
  'Use keepExtension.': 'extension keepextensions preserveextension',
  'Use progressId.': 'progress uploadid onprogress',
  'Use declaredSize.': 'size contentlength',
};

const OF_LIMITS: Advice = {
  'Use limits.fileSize, in bytes.': 'size maxsize maxfilesize limit bytes maxbytes',
  'Use limits.files.': 'maxfiles filecount count maxcount',
  'Use limits.fields.': 'maxfields fieldcount',
  'Use limits.textBytes.': 'maxfieldssize fieldssize total textsize jsonfieldssize',
};

const OF_REPLIES: Advice = {
  "Use path, e.g. path: 'processed/' for a folder.":
    'dest destination dir directory folder prefix cloudpath',
  'Use path with a function, e.g. path: file => `reports/${file.uuid}.pdf`.':
    'key name pathfactory',
  'Return it from the handler: { body, fileName, contentType }.': 'contenttype type filename',
  'Use whenOverBytes.': 'limit maxsize minsize threshold minbytes whenover',
  'Use url: { maxAgeSeconds }.': 'maxage maxageseconds expires expiresin expiresinseconds',
  'Use storage, with the name of an instance.': 'instance engine disk client',
};

const OF_PIPES: Advice = {
  "Use prefixes, e.g. prefixes: ['photos/'].": 'path paths folder folders dir directory below',
  'Use optional: true.': 'required nullable allowempty',
  'Use many: true.': 'array list multiple isarray items each',
  'Use storage, with the name of an instance.': 'instance env bucket disk',
};

/** Remedies for names that an upload interceptor or the engine does not have. */
export const REPLACED_UPLOAD_OPTIONS = byName(OF_UPLOADS);
/** The same of `limits`. */
export const REPLACED_LIMITS = byName(OF_LIMITS);
/** The same of `WxCloudReplyInterceptor`. */
export const REPLACED_REPLY_OPTIONS = byName(OF_REPLIES);
/** The same of the pipes for file IDs. */
export const REPLACED_PIPE_OPTIONS = byName(OF_PIPES);

function byName(advice: Advice): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(advice).flatMap(([sentence, names]) =>
      names.split(' ').map((name): [string, string] => [name, sentence]),
    ),
  );
}
