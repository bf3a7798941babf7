EXTRA_DIST += \
	%D%/picture.js \
	%D%/run.sh \
	%D%/scene.js \
	%D%/settings.js \
	%D%/test.js
